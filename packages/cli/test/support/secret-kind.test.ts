import { describe, expect, it } from 'vitest'
import { secretKind } from '../../src/support/secret-kind.ts'

const mixed = '0aB1'.repeat(20)
const hex = '0ab1'.repeat(16)

describe('the forms of API keys', () => {
  it.each([
    ...[`sk-${mixed}`, `rk_live_${mixed}`, `ghp_${mixed}`, `github_pat_${mixed}`, `AKIA${'0AB1'.repeat(4)}`],
    ...[`ASIA${'0AB1'.repeat(4)}`, `xoxb-${mixed}`, `xapp-1-${mixed}`, `AIza${mixed.slice(0, 35)}`],
    ...[
      `GOCSPX-${mixed.slice(0, 28)}`,
      `ya29.${mixed}`,
      `glpat-${mixed}`,
      `npm_${mixed}`,
      `hf_${mixed}`,
      `ntn_${mixed}`,
    ],
    ...[`gsk_${mixed}`, `lin_api_${mixed}`, `figd_${mixed}`, `sbp_${mixed}`, `pypi-${mixed}`, `ATATT3${mixed}`],
    ...[`dop_v1_${hex}`, `dapi${hex.slice(0, 32)}`, `shpat_${hex.slice(0, 32)}`, `pat${mixed.slice(0, 14)}.${hex}`],
    ...[`SG.${mixed.slice(0, 22)}.${mixed.slice(0, 43)}`, `whsec_${mixed}`],
  ])('include %s', (key) => {
    expect(secretKind(key, false)).toBeDefined()
    expect(secretKind(`https://example.com/?a="${key}"`, false)).toBeDefined()
  })

  it.each([
    ...[
      'sk-short',
      'npm_config_registry_of_the_whole_company',
      'hf_hub_cache',
      'gsk_',
      'patients.csv',
      'SG.team.region',
      'dapi',
      'glpat',
    ],
    ...[
      'pypi-mirror.example.com',
      'ntn_workspace_of_the_team',
      'did:key:z6MkpUodfgonUtrVMCp92D71VZhW1wKUPr2kS267NLVh5W',
    ],
  ])('do not include %s', (word) => {
    expect(secretKind(word, false)).toBe(undefined)
  })
})
