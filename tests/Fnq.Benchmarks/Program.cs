using Fnq.Benchmarks;

return await BenchCommand.RunAsync(args);
