// Owns the shape of a sealed table. In the clear stand keyed hashes, sizes and times; everything else is sealed.

import type { Database } from "bun:sqlite";

/**
 * Makes the table `name`, its indexes, and `name_usage`: bytes and rows by tenant and, under "*", of all, kept by
 * triggers so that limits need no scan.
 */
export function createSealedTables(db: Database, name: string): void {
  db.run(`CREATE TABLE IF NOT EXISTS ${name} (
    id TEXT PRIMARY KEY,
    access TEXT NOT NULL,
    tenant TEXT NOT NULL,
    user TEXT NOT NULL,
    session TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    sealed TEXT NOT NULL
  ) STRICT`);
  db.run(`CREATE INDEX IF NOT EXISTS ${name}_access ON ${name} (access, expires_at)`);
  db.run(`CREATE INDEX IF NOT EXISTS ${name}_expires ON ${name} (expires_at)`);
  db.run(`CREATE INDEX IF NOT EXISTS ${name}_oldest ON ${name} (used_at, id, bytes)`);
  db.run(`CREATE INDEX IF NOT EXISTS ${name}_tenant ON ${name} (tenant, used_at, id, bytes)`);
  db.run(`CREATE INDEX IF NOT EXISTS ${name}_session ON ${name} (session)`);
  db.run(`CREATE TABLE IF NOT EXISTS ${name}_usage (
    tenant TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    rows INTEGER NOT NULL
  ) STRICT`);
  db.run(`CREATE TRIGGER IF NOT EXISTS ${name}_added AFTER INSERT ON ${name} BEGIN
    INSERT INTO ${name}_usage (tenant, bytes, rows) VALUES (NEW.tenant, NEW.bytes, 1), ('*', NEW.bytes, 1)
      ON CONFLICT (tenant) DO UPDATE SET bytes = bytes + excluded.bytes, rows = rows + 1;
  END`);
  db.run(`CREATE TRIGGER IF NOT EXISTS ${name}_removed AFTER DELETE ON ${name} BEGIN
    UPDATE ${name}_usage SET bytes = bytes - OLD.bytes, rows = rows - 1 WHERE tenant IN (OLD.tenant, '*');
    DELETE FROM ${name}_usage WHERE tenant = OLD.tenant AND rows <= 0;
  END`);
  // Sealing anew changes a size a little.
  db.run(`CREATE TRIGGER IF NOT EXISTS ${name}_resized AFTER UPDATE OF bytes ON ${name} BEGIN
    UPDATE ${name}_usage SET bytes = bytes + NEW.bytes - OLD.bytes WHERE tenant IN (NEW.tenant, '*');
  END`);
}
