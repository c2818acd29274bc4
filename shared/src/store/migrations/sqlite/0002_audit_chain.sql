ALTER TABLE audit ADD COLUMN result TEXT NOT NULL DEFAULT 'done';
--> statement-breakpoint
ALTER TABLE audit ADD COLUMN adopted INTEGER NOT NULL DEFAULT 0;
--> statement-breakpoint
ALTER TABLE audit ADD COLUMN prev TEXT;
--> statement-breakpoint
ALTER TABLE audit ADD COLUMN hash TEXT;
--> statement-breakpoint
ALTER TABLE audit ADD COLUMN key_id TEXT;
--> statement-breakpoint
CREATE TABLE audit_chain (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL,
  adopted_until INTEGER
) STRICT;
--> statement-breakpoint
INSERT INTO audit_chain (id, seq, hash, adopted_until) VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', NULL);
--> statement-breakpoint
CREATE TRIGGER audit_is_chained BEFORE INSERT ON audit WHEN NEW.hash IS NULL OR NEW.prev IS NULL OR NEW.key_id IS NULL BEGIN
  SELECT RAISE(ABORT, 'a row of the audit log must be chained');
END;
--> statement-breakpoint
CREATE TRIGGER audit_is_not_updated BEFORE UPDATE ON audit WHEN OLD.hash IS NOT NULL BEGIN
  SELECT RAISE(ABORT, 'the audit log is insert-only');
END;
--> statement-breakpoint
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN
  SELECT RAISE(ABORT, 'the audit log is insert-only');
END;
--> statement-breakpoint
CREATE TABLE content_key (
  key_id TEXT NOT NULL PRIMARY KEY,
  canary TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
