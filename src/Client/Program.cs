Console.WriteLine("axpo");
