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
      id += eightDigits(pool[at] as number)
      pool[at] = 0
    }
    return id
  }
}

const hexDigits = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))

/** A number of 32 bits. `toString` and `padStart` take three times as long. */
function eightDigits(word: number): string {
  const characters = String.fromCharCode as (...codes: (number | undefined)[]) => string
  return characters(
    hexDigits[word >>> 28],
    hexDigits[(word >>> 24) & 15],
    hexDigits[(word >>> 20) & 15],
    hexDigits[(word >>> 16) & 15],
    hexDigits[(word >>> 12) & 15],
    hexDigits[(word >>> 8) & 15],
    hexDigits[(word >>> 4) & 15],
    hexDigits[word & 15],
  )
}
