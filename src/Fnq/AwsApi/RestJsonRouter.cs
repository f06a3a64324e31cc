using Fnq.Identity;
using Microsoft.AspNetCore.Http;

namespace Fnq.AwsApi;

/// <summary>The path's labels, percent-decoded once.</summary>
internal readonly struct RouteValues(string[] names, string[] values)
{
    public string this[string name] => values[Array.IndexOf(names, name)];

    /// <summary>Null when the path has no such label.</summary>
    public string? Find(string name) => Array.IndexOf(names, name) is >= 0 and var at ? values[at] : null;
}

/// <summary>How much body an operation takes, and its words for more (bytes seen → error).</summary>
internal sealed record BodyLimit(long Bytes, Func<long, AwsException> TooLarge);

/// <summary>
/// Finds a rest-json operation by method and raw path. Segments are split before they are decoded, so that
/// <c>%2F</c> stays inside its label; one trailing slash more or less makes no difference.
/// </summary>
/// <param name="defaultLimit">For routes that name none, and for unknown paths.</param>
internal sealed class RestJsonRouter(BodyLimit defaultLimit)
{
    private const int MaxSegments = 16;

    /// <summary>By number of segments; within one, more literal segments first.</summary>
    private readonly Route[][] _routes = [.. Enumerable.Repeat(Array.Empty<Route>(), MaxSegments + 1)];

    /// <param name="action">AWS's name of the operation in policies, for the policy and the audit; without one it is for users only.</param>
    public RestJsonRouter Map(
        string method, string template, Func<AwsRequest, RouteValues, ValueTask> handler, BodyLimit? bodyLimit = null, string? action = null)
    {
        var segments = template.Trim('/').Split('/').Select(Segment.Parse).ToArray();
        var route = new Route(method, segments, handler, bodyLimit ?? defaultLimit, action);
        var bucket = _routes[segments.Length];
        _routes[segments.Length] = [.. bucket.Append(route).OrderByDescending(r => r.Segments.Count(s => !s.IsLabel))];
        return this;
    }

    /// <summary>The limit of the operation that the request names: asked before its body is read.</summary>
    public BodyLimit LimitOf(HttpContext http)
    {
        Span<Range> ranges = stackalloc Range[MaxSegments + 1];
        return Find(http.Request.Method, RawTarget.PathOf(http), ranges)?.BodyLimit ?? defaultLimit;
    }

    /// <summary>The operation's name in policies; null when there is none or it has no name.</summary>
    public string? ActionOf(HttpContext http)
    {
        Span<Range> ranges = stackalloc Range[MaxSegments + 1];
        return Find(http.Request.Method, RawTarget.PathOf(http), ranges)?.Action;
    }

    /// <summary>Null for a path that is no operation's.</summary>
    /// <exception cref="AwsException">A label that is not percent-encoded UTF-8.</exception>
    public RouteValues? LabelsOf(AwsRequest request)
    {
        Span<Range> ranges = stackalloc Range[MaxSegments + 1];
        return Find(request.Http.Request.Method, request.RawPath, ranges)?.Decode(request.RawPath, ranges);
    }

    /// <exception cref="AwsException">No such operation, or a label that is not percent-encoded UTF-8.</exception>
    public ValueTask DispatchAsync(AwsRequest request)
    {
        Span<Range> ranges = stackalloc Range[MaxSegments + 1];
        var route = Find(request.Http.Request.Method, request.RawPath, ranges) ?? throw RestJson.UnknownOperation();
        return route.Handler(request, route.Decode(request.RawPath, ranges));
    }

    private Route? Find(ReadOnlySpan<char> method, ReadOnlySpan<char> path, Span<Range> ranges)
    {
        path = path is ['/', .. var rooted] ? rooted : [];
        path = path is [.. var closed, '/'] ? closed : path;
        var count = path.Split(ranges, '/');
        if (count > MaxSegments)
        {
            return null;
        }

        foreach (var route in _routes[count])
        {
            if (method.SequenceEqual(route.Method) && route.Matches(path, ranges))
            {
                return route;
            }
        }

        return null;
    }

    private readonly record struct Segment(string Text, bool IsLabel)
    {
        public static Segment Parse(string text) =>
            text is ['{', .. var label, '}'] ? new(label, IsLabel: true) : new(text, IsLabel: false);
    }

    private sealed class Route(
        string method, Segment[] segments, Func<AwsRequest, RouteValues, ValueTask> handler, BodyLimit bodyLimit, string? action)
    {
        private readonly string[] _labels = [.. segments.Where(s => s.IsLabel).Select(s => s.Text)];

        public string Method => method;
        public Segment[] Segments => segments;
        public Func<AwsRequest, RouteValues, ValueTask> Handler => handler;
        public BodyLimit BodyLimit => bodyLimit;
        public string? Action => action;

        public bool Matches(ReadOnlySpan<char> path, ReadOnlySpan<Range> ranges)
        {
            for (var i = 0; i < segments.Length; i++)
            {
                var came = path[ranges[i]];
                if (segments[i].IsLabel ? came.IsEmpty : !came.SequenceEqual(segments[i].Text))
                {
                    return false;
                }
            }

            return true;
        }

        public RouteValues Decode(ReadOnlySpan<char> path, ReadOnlySpan<Range> ranges)
        {
            var values = new string[_labels.Length];
            for (int i = 0, label = 0; i < segments.Length; i++)
            {
                // Ranges count from behind the leading slash.
                if (segments[i].IsLabel && !PercentCoding.TryDecode(path[1..][ranges[i]], out values[label++]))
                {
                    throw RestJson.BadPath();
                }
            }

            return new RouteValues(_labels, values);
        }
    }
}
