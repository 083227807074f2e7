/** Makes ids of events: 128 random bits as 32 hexadecimal digits, as `newEventId` does. */
export type EventIds = () => string

/** Ids for which random bytes are taken at once: taking 4 kB costs little more than taking 16 bytes. */
const poolSize = 256
/** Numbers of 32 bits in an id. */
const words = 4

/**
 * Makes a source of ids with a pool of random bytes. Used bytes are overwritten. It is for an object that lives as long
 * as its process: a process that is copied with a filled pool, such as a start-up snapshot or a restored virtual
 * machine, makes up to 255 ids that its copies make too.
 */
export function createEventIds(): EventIds {
  const pool = new Uint32Array(poolSize * words)
  let at = pool.length
  return () => {
    if (at === pool.length) {
      crypto.getRandomValues(pool)
      at = 0
    }
    let id = ''
    for (const end = at + words; at < end; at++) {
      id += (pool[at] as number).toString(16).padStart(8, '0')
      pool[at] = 0
    }
    return id
  }
}
