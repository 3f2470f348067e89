global using Axpo.Core;
global using Axpo.Grains.Abstractions;
global using Orleans;
