import { describe, expect, it } from 'vitest'
import { faultsOf } from './check.ts'
import { readVectors } from './read.ts'

const vectors = readVectors('hostile.json')
const asked = new Set<string>()

/** A test of every hostile vector of a requirement; or of some of its faults. */
function refuses(requirement: string, ...faults: readonly string[]): () => Promise<void> {
  const chosen = vectors.filter(
    (vector) => vector.requirement === requirement && (faults.length === 0 || faults.includes(vector.fault ?? '')),
  )
  for (const { name } of chosen) asked.add(name)
  return async () => {
    expect(chosen.length).toBeGreaterThan(0)
    const found: string[] = []
    for (const vector of chosen) found.push(...(await faultsOf(vector)))
    expect(found).toEqual([])
  }
}

describe('hostile containers', () => {
  it('CTN-01 are refused for another header, JSON Web Tokens among them [attack 37]', refuses('CTN-01'))
  it('CTN-02 are refused as raw bytes in a text', refuses('CTN-02'))
  it('CTN-03 are refused as anything but one gzip member [attack 35]', refuses('CTN-03'))
  it('CTN-04 are refused with another structure, names of tokens among them [attack 24, 39]', refuses('CTN-04'))
  it('CTN-05 are refused with something that is not bytes', refuses('CTN-05'))
  it('CTN-06 are refused with two invocations, or one twice [attack 16]', refuses('CTN-06'))
  it('CTN-07 are refused without an invocation', refuses('CTN-07'))
  it('ENC-01 are refused in another spelling of base64 or base58 [attack 36]', refuses('ENC-01'))
  it('ENC-02 are refused when they decode to too much', refuses('ENC-02'))
  it('LIM-01 are refused for their length, before they are decoded', refuses('LIM-01'))
  it('LIM-02 are refused when they inflate to too much [attack 35]', refuses('LIM-02'))
  it('LIM-04 are refused with too many proofs [attack 25]', refuses('LIM-04'))
})

describe('hostile encodings', () => {
  it('CBR-01 are refused with bytes behind the value [attack 28]', refuses('CBR-01'))
  it('CBR-02 are refused when they are truncated, or declare a greater length [attack 34]', refuses('CBR-02'))
  it('CBR-03 are refused with numbers that are not minimal [attack 28, 38]', refuses('CBR-03'))
  it('CBR-04 are refused with keys out of order [attack 28, 38]', refuses('CBR-04'))
  it('CBR-05 are refused with a key twice [attack 29]', refuses('CBR-05'))
  it('CBR-06 are refused with keys that are not text [attack 28]', refuses('CBR-06'))
  it('CBR-07 are refused with the key __proto__ [attack 42]', refuses('CBR-07'))
  it('CBR-08 are refused with text that is not UTF-8 [attack 30]', refuses('CBR-08'))
  it('CBR-09 are refused with indefinite lengths [attack 28]', refuses('CBR-09'))
  it('CBR-10 are refused with short floats [attack 28]', refuses('CBR-10'))
  it('CBR-11 are refused with floats that are not finite [attack 12, 28]', refuses('CBR-11'))
  it('CBR-12 are refused with undefined and other simple values [attack 28]', refuses('CBR-12'))
  it('CBR-13 are refused with a tag other than the tag of links [attack 28]', refuses('CBR-13'))
  it('CBR-14 are refused with invalid links [attack 40]', refuses('CBR-14'))
  it('CBR-15 are refused with numbers beyond 2^53 - 1 [attack 12, 32]', refuses('CBR-15'))
  it('CBR-16 are refused when they are too deep [attack 33]', refuses('CBR-16'))
  it('CBR-17 are refused with too many items [attack 25, 34]', refuses('CBR-17'))
  it('CBR-18 are refused with tokens that are too long', refuses('CBR-18'))
  it('CBR-22 are refused when the envelope is of another kind', refuses('CBR-22'))
})

describe('hostile tokens', () => {
  it('ENV-01 are refused with more or less in the envelope', refuses('ENV-01'))
  it('ENV-02 are refused with a signature of another length [attack 51]', refuses('ENV-02'))
  it('ENV-03 are refused with more or less in the signed part [attack 27, 53]', refuses('ENV-03'))
  it('ENV-04 are refused with another varsig header [attack 52, 54]', refuses('ENV-04'))
  it('ENV-05 are refused with another type tag [attack 26]', refuses('ENV-05'))
  it('ENV-06 are refused in a version that was not asked for [attack 26]', refuses('ENV-06'))
  it('ENV-07 are refused when the payload is not a map', refuses('ENV-07'))
  it('TOK-01 are refused without a field, or as the other kind [attack 12, 26]', refuses('TOK-01'))
  it('TOK-02 are refused with an unknown field [attack 27]', refuses('TOK-02'))
  it('TOK-03 are refused with a principal that is not a string', refuses('TOK-03'))
  it('TOK-04 are refused with a command that is not a string', refuses('TOK-04'))
  it('TOK-05 are refused with an invalid nonce', refuses('TOK-05'))
  it('TOK-06 are refused with notes that are not a map', refuses('TOK-06'))
  it('TOK-07 are refused with empty notes [attack 20]', refuses('TOK-07'))
  it('TOK-08 are refused with arguments that are not a map', refuses('TOK-08'))
  it('TOK-09 are refused with an audience that is the subject [attack 20]', refuses('TOK-09'))
  it('TOK-10 are refused with proofs that are not a list', refuses('TOK-10'))
  it('TOK-11 are refused with links to something else than tokens [attack 40, 41]', refuses('TOK-11'))
  it('TIM-01 are refused with times that are not whole seconds [attack 12]', refuses('TIM-01'))
})

describe('hostile names', () => {
  it('DID-01 are refused for their length, before they are decoded [attack 62]', refuses('DID-01'))
  it('DID-02 are refused when they are not DIDs', refuses('DID-02'))
  it('DID-03 are refused with a fragment, a path or a query [attack 1]', refuses('DID-03'))
  it('KEY-01 are refused for the length of their key [attack 62]', refuses('KEY-01'))
  it('KEY-02 are refused in another base', refuses('KEY-02'))
  it('KEY-03 are refused with another code, or another spelling of it [attack 60, 61]', refuses('KEY-03'))
  it('KEY-04 are refused with keys of another length [attack 59, 60]', refuses('KEY-04'))
  it('KEY-05 are refused with keys in another encoding [attack 56, 59]', refuses('KEY-05'))
  it('KEY-06 are refused with keys of small order, which one signature fits always [attack 56]', refuses('KEY-06'))
  it('CMD-01 are refused as commands of another form [attack 44]', refuses('CMD-01'))
  it('CMD-02 are refused as commands of other characters [attack 44]', refuses('CMD-02'))
  it('CMD-04 are refused as commands that are too long', refuses('CMD-04'))
})

describe('hostile chains', () => {
  it('PRF-01 are refused without a proof [attack 23, 39]', refuses('PRF-01'))
  it('PRF-02 are refused without proofs by somebody else [attack 2]', refuses('PRF-02'))
  it('PRF-03 are refused with a root about any subject [attack 3]', refuses('PRF-03'))
  it('PRF-04 are refused with a root by somebody else [attack 2, 23]', refuses('PRF-04'))
  it('PRF-05 are refused when principals are not aligned, at every link [attack 1, 23]', refuses('PRF-05'))
  it('PRF-06 are refused when the subject changes, at every link [attack 4]', refuses('PRF-06'))
  it('PRF-07 are refused when a command is not covered, by segment, at every link [attack 5, 6]', refuses('PRF-07'))
  it('TIM-02 are refused before their time, to the second [attack 10, 11]', refuses('TIM-02'))
  it('TIM-03 are refused after their time, to the second [attack 9, 10, 11]', refuses('TIM-03'))
  it('TIM-05 are refused with an invocation that lives too long [attack 13]', refuses('TIM-05'))
})

describe('hostile signatures', () => {
  it('PRF-08 are refused when somebody else signed, at every link', refuses('PRF-08', 'signed-by-another'))
  it(
    'PRF-08 are refused when they were made for another token, or over other bytes [attack 38, 91]',
    refuses('PRF-08', 'signature-of-another-token', 'signed-other-bytes'),
  )
  it('PRF-08 are refused with one bit changed', refuses('PRF-08', 'signature-bit', 'signed-bit'))
  it(
    'PRF-08 are refused when the signed bytes were encoded again [attack 31, 38]',
    refuses('PRF-08', 'signed-before-encoding-again'),
  )
  it('SIG-02 are refused with S + L [attack 55]', refuses('PRF-08', 'signature-s-beyond-order'))
  it('SIG-03 are refused with R of small order or not canonical [attack 56, 57]', refuses('PRF-08', 'signature-r'))
  it('are refused when only the cofactor makes them fit [attack 57]', refuses('PRF-08', 'signature-with-cofactor'))
  it('SIG-05 are refused with r or s out of range', refuses('PRF-08', 'signature-out-of-range'))
  it('PRF-09 are refused with the header of another algorithm [attack 52]', refuses('PRF-09'))
  it('PRF-10 KEY-07 are refused when the key is unknown, or not a point [attack 59]', refuses('PRF-10'))
})

describe('hostile policies', () => {
  it(
    'PRF-11 are refused when a statement is false, and any over nothing is [attack 49]',
    refuses('PRF-11', 'policy-false', 'policy-inherited-name'),
  )
  it('PRF-11 are refused when a statement cannot be evaluated [attack 42, 48]', refuses('PRF-11', 'policy-unresolved'))
  it('PRF-11 are refused with line ends in a text [attack 46]', refuses('PRF-11', 'policy-line-end'))
  it('PRF-11 are refused by any link, also when the others permit the call [attack 7]', refuses('PRF-11', 'policy-of-a-link'))
  it('PRF-11 are refused although they backtrack [attack 46]', refuses('PRF-11', 'policy-pattern-that-backtracks'))
  it('PRF-12 are refused when they cost too much, also under not [attack 50]', refuses('PRF-12'))
  it('POL-01 are refused when they are not policies', refuses('POL-01'))
  it('POL-02 are refused with unknown operators', refuses('POL-02'))
  it('POL-03 are refused with other operands', refuses('POL-03'))
  it('POL-04 are refused when they are too deep [attack 50]', refuses('POL-04'))
  it('POL-05 are refused when they are too large [attack 50]', refuses('POL-05'))
  it('SEL-01 are refused with malformed selectors [attack 47]', refuses('SEL-01'))
  it('SEL-03 are refused with selectors with a malformed string [attack 47]', refuses('SEL-03'))
  it('SEL-04 are refused with selectors with a malformed number [attack 47]', refuses('SEL-04'))
  it('SEL-05 are refused with slices without bounds [attack 47]', refuses('SEL-05'))
  it('SEL-06 are refused with selectors that are too long [attack 47]', refuses('SEL-06'))
})

describe('hostile calls', () => {
  it('SVC-01 are refused when they are addressed to another [attack 14]', refuses('SVC-01'))
  it('SVC-02 are refused about a subject that is not served [attack 2]', refuses('SVC-02'))
  it('SVC-03 are refused with a command that the service does not have [attack 43]', refuses('SVC-03'))
  it('ARG-01 are refused with an argument that is not declared', refuses('ARG-01'))
  it('ARG-02 are refused without an argument', refuses('ARG-02'))
  it('ARG-03 are refused with an argument of another type', refuses('ARG-03'))
  it('RPL-01 are refused a second time, under any signature [attack 15, 58]', refuses('RPL-01'))
  it('RPL-02 are refused with a short nonce [attack 13]', refuses('RPL-02'))
  it('RPL-05 are refused when the replay store is down', refuses('RPL-05'))
  it('RVK-05 are refused when something is revoked', refuses('RVK-05', 'delegation-revoked', 'principal-revoked'))
  it('RVK-04 are refused when the twin is revoked [attack 20, 58]', refuses('RVK-05', 'twin-revoked'))
  it('RVK-06 are refused when the revocation store is down [attack 22]', refuses('RVK-06'))
})

it('every hostile vector is asked about', () => {
  expect(vectors.filter(({ name }) => !asked.has(name)).map(({ name }) => name)).toEqual([])
})
