global using Axpo.Core;
global using Orleans;
