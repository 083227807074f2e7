// node only: bundles a program

import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { root } from '../../setup/entries.ts'

/** The address of `sodium-native`, as `import.meta.resolve` gives it. */
export const sodium: string = String(pathToFileURL(createRequire(import.meta.url).resolve('sodium-native')))

/** The program of the threads, bundled of the sources into one file: what somebody who bundles does with it. */
export interface PoolScript {
  readonly url: URL
  remove(): void
}

/** Bundles it, or another entry point. */
export async function bundlePoolScript(entry: string = 'pool/thread'): Promise<PoolScript> {
  const folder = mkdtempSync(join(tmpdir(), 'procura-pool-'))
  const outfile = join(folder, 'thread.mjs')
  await build({
    absWorkingDir: root,
    entryPoints: [`src/entries/${entry}.ts`],
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    outfile,
  })
  return { url: pathToFileURL(outfile), remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/**
 * The program of a thread that works at its start, and then misbehaves.
 *
 * @param misdeed - statements, which see `port`, the `id` and `count` of a batch and `answers(id, ...bytes)`.
 */
export function faultyScript(misdeed: string): string {
  const program = `
    import { parentPort as port } from 'node:worker_threads'
    const answers = (id, ...bytes) => {
      const message = new Uint8Array(4 + bytes.length)
      new DataView(message.buffer).setUint32(0, id)
      message.set(bytes, 4)
      return message
    }
    const [yes, no, failed] = [0x59, 0x4e, 0x46]
    let batches = 0
    port.on('message', (batch) => {
      const view = new DataView(batch.buffer, batch.byteOffset, batch.length)
      const id = view.getUint32(0)
      let count = 0
      for (let at = 4; at < batch.length; at += 5 + view.getUint8(at) + 64 + view.getUint32(at + 1)) count += 1
      batches += 1
      if (batches === 1) port.postMessage(answers(id, yes, no))
      else { ${misdeed} }
    })`
  return `data:text/javascript,${encodeURIComponent(program)}`
}
