using Xunit;

// Each class brings processes of its own and many assert times: side by side on two cores they would disturb each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
