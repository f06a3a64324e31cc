namespace Fnq.Contracts;

/// <summary>Names what an environment runs and a lane serves: immutable, safe in a queue name and in a file name.</summary>
public readonly record struct DeploymentId(string Value)
{
    public override string ToString() => Value;
}

/// <summary>One execution of an attempt: the key of its billing record. A UUIDv7, so it also tells the partition day.</summary>
public readonly record struct RunId(Guid Value)
{
    public static RunId New(TimeProvider time) => new(RandomIds.New(time.GetUtcNow()));

    public override string ToString() => Value.ToString();
}

/// <summary>One process of Fnq, new at every start.</summary>
public readonly record struct NodeId(string Value)
{
    public override string ToString() => Value;
}

/// <summary>A function's name in its account and region: three name spaces, none of which sees the other.</summary>
public readonly record struct FunctionKey(string AccountId, string Region, string Name)
{
    public string Arn => $"arn:aws:lambda:{Region}:{AccountId}:function:{Name}";

    public override string ToString() => Arn;
}
