import { VaultError } from '../../errors.ts'
import type { Secret } from '../secret.ts'

/** The part of a secret that a processor sends. */
export interface FieldParameter {
  /** The field of a secret with several fields. Default: the whole secret. */
  readonly field?: string
}

/** Returns the text of a secret or of one of its fields, for a header. */
export function textOf(secret: Secret, field: string | undefined): string {
  return singleLine(field === undefined ? secret.reveal() : secret.revealField(field))
}

/** Refuses text that would end a header, or that a header cannot contain. */
function singleLine(text: string): string {
  // SEC-07
  if (!/^[\x20-\x7e]+$/.test(text) || text.trim() !== text) {
    throw new VaultError(
      'ERR_VAULT_INTEGRITY',
      'the secret has characters that a header cannot contain, or white space at an end; store it without a line break',
    )
  }
  return text
}

/** Returns a parameter for a description, which omits it when it is missing. */
export function optional<Name extends string>(
  name: Name,
  value: string | undefined,
): { readonly [key in Name]?: string } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [key in Name]?: string }
}
