/**
 * The messages between the calling thread and a verification thread. One message carries many questions, because a
 * message costs a tenth of a verification, whatever its size.
 *
 * A batch is its number (4 bytes), then for each question the length of the key's name (1 byte), the length of the
 * message (4 bytes), the name, the signature and the message. The answer is the same number, then one byte for each
 * question, in the same order. Numbers are big-endian.
 *
 * @module
 */

import { ThreadError } from '../../../errors.ts'
import { signatureLength } from '../signature.ts'

/** Asks whether a signature of the key over the message satisfies the equation of its algorithm. */
export interface Question {
  /** The key as a `did:key`, in ASCII. It determines the algorithm. */
  readonly key: Uint8Array
  /** 64 bytes. */
  readonly signature: Uint8Array
  readonly message: Uint8Array
}

/** Whether the signature is valid; undefined when the thread failed at the question. */
export type Answer = boolean | undefined

/** Questions, and the number that their answer repeats. */
export interface Batch {
  /** From 0 to 2^32 - 1. */
  readonly id: number
  readonly questions: readonly Question[]
}

/** Encodes a batch into a new buffer, which can be transferred. */
export function encodeBatch({ id, questions }: Batch): Uint8Array<ArrayBuffer> {
  let length = 4
  for (const question of questions) length += 5 + question.key.length + signatureLength + question.message.length
  const bytes = new Uint8Array(length)
  writeNumber(bytes, 0, id)
  let at = 4
  for (const { key, signature, message } of questions) {
    bytes[at] = key.length
    writeNumber(bytes, at + 1, message.length)
    bytes.set(key, at + 5)
    bytes.set(signature, at + 5 + key.length)
    bytes.set(message, at + 5 + key.length + signatureLength)
    at += 5 + key.length + signatureLength + message.length
  }
  return bytes
}

/**
 * Decodes a batch. Its questions are views of the bytes.
 *
 * @throws ThreadError when the batch is truncated.
 */
export function decodeBatch(bytes: Uint8Array): Batch {
  const questions: Question[] = []
  let at = 4
  while (at < bytes.length) {
    const afterKey = at + 5 + (bytes[at] ?? 0)
    const afterSignature = afterKey + signatureLength
    const end = afterSignature + readNumber(bytes, at + 1)
    if (end > bytes.length) throw new ThreadError('the batch is truncated')
    questions.push({
      key: bytes.subarray(at + 5, afterKey),
      signature: bytes.subarray(afterKey, afterSignature),
      message: bytes.subarray(afterSignature, end),
    })
    at = end
  }
  return { id: readNumber(bytes, 0), questions }
}

/** Encodes the answers to a batch. */
export function encodeAnswers(id: number, answers: readonly Answer[]): Uint8Array {
  const bytes = new Uint8Array(4 + answers.length)
  writeNumber(bytes, 0, id)
  for (const [at, answer] of answers.entries()) bytes[4 + at] = answer === undefined ? failed : answer ? yes : no
  return bytes
}

/** Returns the number of the batch that a message answers, or undefined when the message is not an answer. */
export function answeredBatch(message: unknown): number | undefined {
  return message instanceof Uint8Array && message.length >= 4 ? readNumber(message, 0) : undefined
}

/** Decodes the answers to `count` questions. Returns undefined when the message is anything else. */
export function decodeAnswers(message: unknown, count: number): readonly Answer[] | undefined {
  if (!(message instanceof Uint8Array) || message.length !== 4 + count) return undefined
  const answers: Answer[] = []
  for (const byte of message.subarray(4)) {
    if (byte !== yes && byte !== no && byte !== failed) return undefined
    answers.push(byte === failed ? undefined : byte === yes)
  }
  return answers
}

/** No answer is 0 or 1, so neither unwritten memory nor a boolean of another program counts as an answer. */
const yes = 0x59
const no = 0x4e
const failed = 0x46

function writeNumber(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = value >>> (24 - 8 * i)
}

function readNumber(bytes: Uint8Array, at: number): number {
  let value = 0
  for (let i = 0; i < 4; i++) value = value * 256 + (bytes[at + i] ?? 0)
  return value
}
