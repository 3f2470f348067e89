global using Axpo.Core;
global using Orleans;
global using Orleans.Concurrency;
