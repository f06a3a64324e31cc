using System.Text.Json;

namespace Fnq.Benchmarks;

internal static class Report
{
    public static void Print(IReadOnlyList<Figure> figures)
    {
        Console.WriteLine();
        Console.WriteLine($"{"id",-16}{"value",12} {"unit",-8}{"yardstick",12}{"ratio",8}  note");
        foreach (var figure in figures)
        {
            var yardstick = figure.Yardstick is { } value ? Number(value) : "";
            var ratio = figure.Ratio is { } r ? r.ToString("0.00") : "";
            Console.WriteLine($"{figure.Id,-16}{Number(figure.Value),12} {figure.Unit,-8}{yardstick,12}{ratio,8}  {figure.Note}".TrimEnd());
        }
    }

    public static async Task WriteJsonAsync(string file, IReadOnlyList<Figure> figures, CancellationToken cancellationToken)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartArray();
            foreach (var figure in figures)
            {
                Write(json, figure);
            }

            json.WriteEndArray();
        }

        await File.WriteAllBytesAsync(file, bytes.ToArray(), cancellationToken);
    }

    private static void Write(Utf8JsonWriter json, Figure figure)
    {
        json.WriteStartObject();
        json.WriteString("id", figure.Id);
        json.WriteNumber("value", Math.Round(figure.Value, 4));
        json.WriteString("unit", figure.Unit);
        WriteOptional(json, "yardstick", figure.Yardstick);
        WriteOptional(json, "ratio", figure.Ratio);
        json.WriteEndObject();
    }

    private static void WriteOptional(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, Math.Round(number, 4));
        }
        else
        {
            json.WriteNull(name);
        }
    }

    private static string Number(double value) => Math.Abs(value) >= 100 ? value.ToString("#,0") : value.ToString("0.00");
}
