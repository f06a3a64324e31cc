using System.IO.Compression;
using System.Text;

namespace Fnq.IntegrationTests.Fleet;

/// <summary>
/// A function that answers its marker, its event, its environment and how often that has run; an event's <c>sleep</c>
/// is in seconds.
/// </summary>
internal sealed record FunctionSource(string Name, string Runtime, string Handler, string File, string Code)
{
    public static FunctionSource Python(string name, string? marker = null) => new(name, "python3.13", "index.handler", "index.py", $$"""
        import time
        count = 0

        def handler(event, context):
            global count
            count += 1
            time.sleep(event.get('sleep', 0))
            return {
                'marker': '{{marker ?? name}}', 'echo': event, 'count': count,
                'environment': context.log_stream_name.split(']')[-1], 'requestId': context.aws_request_id,
            }
        """);

    public static FunctionSource Node(string name, string? marker = null) => new(name, "nodejs20.x", "index.handler", "index.mjs", $$"""
        let count = 0;

        export const handler = async (event, context) => {
          count += 1;
          await new Promise((done) => setTimeout(done, 1000 * (event.sleep ?? 0)));
          return {
            marker: '{{marker ?? name}}', echo: event, count,
            environment: context.logStreamName.split(']').at(-1), requestId: context.awsRequestId,
          };
        };
        """);

    /// <summary>Files beside the handler's own, so that it takes a while to unpack.</summary>
    public int Ballast { get; init; }

    public byte[] Zip()
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            for (var i = 0; i < Ballast; i++)
            {
                Add(zip, $"ballast/{i % 100}/{i}", $"{i}");
            }

            Add(zip, File, Code);
        }

        return bytes.ToArray();
    }

    private static void Add(ZipArchive zip, string name, string text)
    {
        using var file = zip.CreateEntry(name, CompressionLevel.Fastest).Open();
        file.Write(Encoding.UTF8.GetBytes(text));
    }
}
