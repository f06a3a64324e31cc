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

    public byte[] Zip()
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            using var file = zip.CreateEntry(File).Open();
            file.Write(Encoding.UTF8.GetBytes(Code));
        }

        return bytes.ToArray();
    }
}
