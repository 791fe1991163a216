/** @file Preloaded into a benchmark's process (node --import): says its peak memory when it ends. */
process.on("exit", () => console.error(`peak ${(process.resourceUsage().maxRSS * 1024) / 1e9}`));
