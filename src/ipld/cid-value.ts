import type { CID, LinkJSON, MultibaseEncoder, MultihashDigest } from 'multiformats/cid'
import { ArgumentError } from '../errors.ts'
import { encodeBase32, encodeBase58btc } from './base.ts'
import { bytesEqual } from './bytes.ts'
import { decodeVarint } from './varint.ts'

const dagPb = 0x70
const sha256 = 0x12

/**
 * A CID as a value: its bytes, which were checked before. It has all that a CID of `multiformats` has, and that package
 * takes it for one (`CID.asCID`, `equals`, every codec); what is rarely asked is read out of the bytes when it is.
 */
export class CidValue implements CID {
  static {
    // Node prints an object by the method of this name; other hosts do not know it.
    const inspect = Symbol.for('nodejs.util.inspect.custom')
    const print = function (this: CidValue): string {
      return `CID(${this.toString()})`
    }
    Object.defineProperty(CidValue.prototype, inspect, { value: print })
  }

  readonly bytes: Uint8Array
  /** The same bytes once more: how a CID tells others that it is one. */
  readonly '/': Uint8Array

  /** @param bytes - exactly one CID; they are kept. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this['/'] = bytes
  }

  get version(): 0 | 1 {
    return this.bytes[0] === sha256 ? 0 : 1
  }

  get code(): number {
    return this.version === 0 ? dagPb : decodeVarint(this.bytes, 1)[0]
  }

  get multihash(): MultihashDigest<number> {
    const { bytes } = this
    const start = this.version === 0 ? 0 : 1 + decodeVarint(bytes, 1)[1]
    const [code, codeLength] = decodeVarint(bytes, start)
    const [size, sizeLength] = decodeVarint(bytes, start + codeLength)
    return { code, size, digest: bytes.subarray(start + codeLength + sizeLength), bytes: bytes.subarray(start) }
  }

  get byteOffset(): number {
    return this.bytes.byteOffset
  }

  get byteLength(): number {
    return this.bytes.byteLength
  }

  get [Symbol.toStringTag](): 'CID' {
    return 'CID'
  }

  get asCID(): this {
    return this
  }

  link(): this {
    return this
  }

  equals(other: unknown): other is CID {
    const { bytes } = (other ?? {}) as { readonly bytes?: unknown }
    return bytes instanceof Uint8Array && bytesEqual(this.bytes, bytes)
  }

  /** The text: base32 with the letter `b`, or of version 0 base58btc without a letter, unless another base is given. */
  toString(base?: MultibaseEncoder<string>): string {
    if (base !== undefined) return base.encode(this.bytes)
    return this.version === 0 ? encodeBase58btc(this.bytes) : encodeBase32(this.bytes, 'b')
  }

  toJSON(): LinkJSON<this> {
    return { '/': this.toString() } as LinkJSON<this>
  }

  toV1(): CID<unknown, number, number, 1> {
    if (this.version === 1) return this as unknown as CID<unknown, number, number, 1>
    return new CidValue(Uint8Array.of(1, dagPb, ...this.bytes)) as unknown as CID<unknown, number, number, 1>
  }

  toV0(): CID<unknown, 0x70, 0x12, 0> {
    const { multihash } = this
    if (this.code !== dagPb || multihash.code !== sha256) {
      throw new ArgumentError('only a cid of dag-pb and sha-256 has version 0')
    }
    return new CidValue(multihash.bytes) as unknown as CID<unknown, 0x70, 0x12, 0>
  }
}
