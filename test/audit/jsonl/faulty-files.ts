import { type LogFiles, machineFiles } from '../../../src/audit/sinks/jsonl/log-files.ts'

/** Ways in which the next operations fail; undefined for the ones that work. */
export interface Faults {
  /** How many bytes a write takes before the disk is full; nothing is thrown unless it takes none. */
  room?: number
  /** What a write throws. */
  write?: string
  /** What a sync throws. */
  sync?: string
  /** What cutting a file throws. */
  truncate?: string
  /** What making a file throws. */
  create?: string
  /** How long a sync takes. */
  syncMs?: number
}

/** The files of this machine, failing as told. */
export function faultyFiles(faults: Faults): LogFiles {
  return {
    ...machineFiles,
    open(path, options) {
      if (options.create) fail(faults.create)
      return machineFiles.open(path, options)
    },
    write(file, bytes) {
      fail(faults.write)
      if (faults.room === undefined) return machineFiles.write(file, bytes)
      if (faults.room === 0) fail('ENOSPC')
      const taken = machineFiles.write(file, bytes.subarray(0, faults.room))
      faults.room -= taken
      return taken
    },
    truncate(file, size) {
      fail(faults.truncate)
      machineFiles.truncate(file, size)
    },
    async sync(file) {
      if (faults.syncMs !== undefined) await new Promise((resolve) => setTimeout(resolve, faults.syncMs))
      fail(faults.sync)
      await machineFiles.sync(file)
    },
    syncNow(file) {
      fail(faults.sync)
      machineFiles.syncNow(file)
    },
  }
}

function fail(code: string | undefined): void {
  if (code !== undefined) throw Object.assign(new Error(code), { code })
}
