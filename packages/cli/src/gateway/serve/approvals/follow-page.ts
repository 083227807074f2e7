// node only: watches a folder
import type { Did } from 'procura'
import type { GatewayConfig } from '../../configuration/read-gateway-config.ts'
import { haveSame } from '../have-same.ts'
import type { Reloads } from '../reloads.ts'
import type { Snapshots } from '../snapshots.ts'
import type { OpenPage } from './open-page.ts'
import { followApprovers, watchEnrolments } from './watch-enrolments.ts'

/** The keys of browsers that are approvers now. */
export function approversOf(
  page: Pick<OpenPage, 'run'> | undefined,
  { subjects }: Pick<GatewayConfig, 'subjects'>,
): Promise<readonly Did[]> {
  return page === undefined ? Promise.resolve([]) : page.run.approvers(subjects)
}

/**
 * Takes the configuration again when a key of the page comes or ends, and now if there are keys of earlier runs.
 *
 * @returns the ends of the looks.
 */
export async function followPage(
  page: Pick<OpenPage, 'run'>,
  { current, again }: Pick<Reloads<GatewayConfig>, 'current' | 'again'>,
  snapshots: { current(): Pick<ReturnType<Snapshots['current']>, 'browsers'> },
  onError: (error: unknown) => void,
): Promise<readonly (() => void)[]> {
  const lookAgain = async (): Promise<void> => {
    const { browsers } = snapshots.current()
    if (browsers.length > 0 && !haveSame(await approversOf(page, current()), browsers)) await again()
  }
  const onChange = (): void => void again().catch(onError)
  const ends = [watchEnrolments(current().approvalsFolder, onChange), followApprovers(lookAgain, onError)]
  const takeEarlier = async (): Promise<void> => {
    if ((await approversOf(page, current())).length > 0) await again()
  }
  await takeEarlier().catch(onError)
  return ends
}
