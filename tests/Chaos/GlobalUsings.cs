global using Axpo.Core;
global using Axpo.Silo.Storage;
global using Shouldly;
global using Xunit;
