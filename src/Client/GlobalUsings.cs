global using Axpo.Core;
