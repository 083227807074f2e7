import type { CallAnswer, CallStore } from '../core/authorization/call-store.ts'
import { type ObserveOperation, outcomeOf } from './observed-store.ts'

/** The stores that are asked together, under their names. */
type Stores = Partial<Pick<CallStore, 'revocations' | 'replay' | 'limitStore'>>

/**
 * Makes a call store that answers as another one, and reports the time of each request. It belongs to the measured
 * stores as the other one belongs to the stores that they measure, so the stores are still asked together.
 */
export function observedCallStore(
  callStore: CallStore,
  given: Stores,
  measured: Stores,
  observe: ObserveOperation,
): CallStore {
  const storeOf = <Name extends keyof Stores>(name: Name): CallStore[Name] =>
    callStore[name] === given[name] ? (measured[name] as CallStore[Name]) : callStore[name]
  return Object.freeze({
    revocations: storeOf('revocations'),
    replay: storeOf('replay'),
    limitStore: storeOf('limitStore'),
    async ask(...question: Parameters<CallStore['ask']>) {
      const start = performance.now()
      const end = (outcome: Parameters<ObserveOperation>[1]): void => observe('ask', outcome, performance.now() - start)
      let answer: CallAnswer
      try {
        answer = await callStore.ask(...question)
      } catch (error) {
        end(outcomeOf(error))
        throw error
      }
      // A store that failed is a part of the answer.
      const failed = [answer?.revocations, answer?.claim, answer?.limits].find((part) => part?.status === 'rejected')
      end(failed?.status === 'rejected' ? outcomeOf(failed.reason) : 'ok')
      return answer
    },
  })
}
