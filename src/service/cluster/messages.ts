/**
 * The property of the messages between the primary process and its workers. Others on the channel are of the program.
 */
const property = 'procura/service/cluster'

/** A worker reports that it listens, and that it closes; the primary process asks a worker to close. */
export type ClusterMessage = 'listening' | 'closing' | 'close'

/** Makes a message for the channel of `node:cluster`. */
export function clusterMessage(kind: ClusterMessage): Readonly<Record<string, ClusterMessage>> {
  return { [property]: kind }
}

/** Whether a received message is one of ours, of this kind. */
export function isClusterMessage(message: unknown, kind: ClusterMessage): boolean {
  return Object(message)[property] === kind
}
