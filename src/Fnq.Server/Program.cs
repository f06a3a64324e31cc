System.Console.WriteLine("fnq");
