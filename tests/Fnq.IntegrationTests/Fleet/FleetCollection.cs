using Xunit;

namespace Fnq.IntegrationTests.Fleet;

/// <summary>Fleets take a broker, a database and several servers each: one after another, and nothing beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class FleetCollection
{
    public const string Name = "Fleet";
}
