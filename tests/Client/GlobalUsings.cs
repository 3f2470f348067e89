global using Axpo.Core;
global using Shouldly;
global using Xunit;
