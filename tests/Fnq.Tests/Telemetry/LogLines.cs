using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Fnq.Tests.Telemetry;

/// <summary>One log event: its category, its number, its text and its members.</summary>
internal sealed record LogEvent(string Category, int Id, LogLevel Level, string Text, IReadOnlyDictionary<string, object?> Members);

/// <summary>Keeps what was logged.</summary>
internal sealed class LogLines : ILoggerFactory
{
    private readonly ConcurrentQueue<LogEvent> _events = new();

    public IReadOnlyList<LogEvent> All => [.. _events];

    public ILogger CreateLogger(string categoryName) => new Lines(categoryName, _events);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public void Dispose()
    {
    }

    private sealed class Lines(string category, ConcurrentQueue<LogEvent> events) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            events.Enqueue(new LogEvent(category, eventId.Id, logLevel, formatter(state, exception),
                ((IReadOnlyList<KeyValuePair<string, object?>>)state!).ToDictionary(member => member.Key, member => member.Value)));
    }
}
