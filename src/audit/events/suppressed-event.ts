import { flag, integerFrom, maybe, type OptionChecks, objectValue, readOptions } from '../../support/options.ts'
import type { Timestamp } from '../../time.ts'
import { modeCheck, timeCheck } from '../configuration.ts'
import type { SuppressedDenials } from '../sample-denials.ts'
import { type AuditMode, type DeniedEvent, newEventId } from './event.ts'

/** Options of {@link suppressedEvent}. */
export interface SuppressedEventOptions {
  /** From the sampler. */
  readonly denials: SuppressedDenials
  readonly time: Timestamp
  readonly mode?: AuditMode
}

/**
 * Makes the event that counts denials that were not recorded: of kind `denied`, with the code `suppressed`. It does not
 * describe a call.
 *
 * @throws ArgumentError when an option is missing or invalid.
 */
export function suppressedEvent(options: SuppressedEventOptions): DeniedEvent {
  const { denials, time, mode } = readOptions('suppressedEvent', options, optionChecks)
  const { authenticated, count, since } = readOptions('suppressedEvent: denials', denials, denialsChecks)
  return {
    kind: 'denied',
    id: newEventId(),
    time,
    ...(mode !== undefined && { mode }),
    authenticated,
    code: 'suppressed',
    requirement: 'AUD-25',
    suppressed: count,
    since,
  }
}

const optionChecks: OptionChecks<SuppressedEventOptions> = Object.freeze({
  denials: objectValue,
  time: timeCheck,
  mode: maybe(modeCheck),
})

const denialsChecks: OptionChecks<SuppressedDenials> = Object.freeze({
  authenticated: flag,
  count: integerFrom(1),
  since: timeCheck,
})
