import type { Span } from './text-edit.ts'

/** The plain data of a configuration. Its objects have no prototype. */
export type Data = string | number | boolean | null | readonly Data[] | { readonly [name: string]: Data }

/** An object of a configuration. */
export type DataObject = { readonly [name: string]: Data }

/** A part of the text of a server. */
export interface Segment extends Span {
  /** Finds the part again, in another version of the file: empty for the server itself. */
  readonly id: string
}

/** The command line that a client runs for a server. */
export interface CommandLine {
  readonly command: string
  readonly args: readonly string[]
}

/** An MCP server in the configuration of a client. */
export interface ServerEntry {
  /** Its name in the file. */
  readonly name: string
  /** The keys that lead to it. */
  readonly place: readonly string[]
  /** The folder of the project that the server belongs to, where the file names one. */
  readonly project?: string
  /** Its line in the file, from 1. */
  readonly line: number
  readonly value: DataObject
  /** Its parts of the text. Nothing else of the file is changed. */
  readonly segments: readonly Segment[]
  /** The reason for which its text cannot be changed safely. */
  readonly fault?: string
  /** The texts of its segments when it runs this command line, and nothing else of its own. */
  running(line: CommandLine): readonly string[]
  /**
   * The texts of its segments as they were, with the changes that were made to other parts since.
   *
   * @param originals - the texts of its segments before it was changed.
   * @param wrapped - its value after it was changed.
   * @returns undefined when its text cannot be put back without a loss.
   */
  restored(originals: readonly string[], wrapped: DataObject): readonly string[] | undefined
}

/** The configuration of a client. */
export interface ConfigDocument {
  readonly servers: readonly ServerEntry[]
}

/** The configuration of a client cannot be read. The message names the line. */
export class ConfigFault extends Error {}

/** Whether a value is an object. */
export function isObject(value: Data | undefined): value is DataObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether two values are equal; the order of keys does not count. */
export function isSameData(one: Data | undefined, other: Data | undefined): boolean {
  if (Array.isArray(one)) {
    return (
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((item, at) => isSameData(item, other[at] as Data))
    )
  }
  if (!isObject(one) || !isObject(other)) return one === other
  const names = Object.keys(one)
  return names.length === Object.keys(other).length && names.every((name) => isSameData(one[name], other[name]))
}
