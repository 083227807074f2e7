/**
 * The arrays of bytes in which a sink writes events. Making an array takes longer than writing the event, and the array
 * would be most of the garbage of a call. So a sink uses its arrays again.
 *
 * @module
 */

/** Room for events of one sink. */
export interface Rooms {
  /** A room that nobody uses. It may contain bytes of an earlier event. */
  take(): Uint8Array
  /** Accepts a room whose event was read for the last time. */
  giveBack(room: Uint8Array): void
}

/** Enough for most events, and for the fields of the record after them. */
const roomBytes = 2048
/** Most rooms that a sink keeps: 32 kB. */
const maxRooms = 16

/** A new room. */
export function newRoom(): Uint8Array {
  return new Uint8Array(roomBytes)
}

/** Makes the rooms of a sink. */
export function createRooms(): Rooms {
  const free: Uint8Array[] = []
  return {
    take: () => free.pop() ?? newRoom(),
    giveBack(room) {
      if (free.length < maxRooms) free.push(room)
    },
  }
}
