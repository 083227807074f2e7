import type { Pool } from 'pg'

/** Makes a role that can log in, which another test of the same server may have made before. */
export async function makeRole(owner: Pool, role: string): Promise<void> {
  await owner.query(
    `DO $$ BEGIN CREATE ROLE ${role} LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`,
  )
}
