global using Axpo.Core;
global using Axpo.Grains.Abstractions;
global using Axpo.Testing;
global using Shouldly;
global using Xunit;
