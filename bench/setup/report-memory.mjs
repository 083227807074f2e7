// Loaded before a program of Node that runs with --expose-gc: answers each message of its parent with the memory in use.
process.on('message', () => {
  globalThis.gc()
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage()
  process.send({ heapUsed, external, arrayBuffers, rss })
})
process.channel.unref()
