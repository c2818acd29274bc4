CREATE TABLE trace_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  bytes INTEGER NOT NULL
) STRICT;
--> statement-breakpoint
INSERT INTO trace_state (id, bytes) VALUES (1, 0);
--> statement-breakpoint
CREATE TABLE trace_key (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  user TEXT,
  team TEXT,
  provider TEXT,
  model TEXT,
  endpoint TEXT NOT NULL,
  tool TEXT,
  status INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  end_reason TEXT NOT NULL,
  error_code TEXT,
  is_failed INTEGER NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX trace_key_key ON trace_key (key);
--> statement-breakpoint
CREATE INDEX trace_key_user ON trace_key (user);
--> statement-breakpoint
CREATE TABLE trace_session (
  seq INTEGER PRIMARY KEY,
  session TEXT NOT NULL,
  user TEXT,
  team TEXT,
  first_at INTEGER NOT NULL,
  first_id TEXT NOT NULL,
  last_at INTEGER NOT NULL,
  traces INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  tokens_saved INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL,
  unpriced INTEGER NOT NULL,
  estimated INTEGER NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX trace_session_session ON trace_session (session);
--> statement-breakpoint
CREATE INDEX trace_session_last ON trace_session (last_at, session);
--> statement-breakpoint
CREATE INDEX trace_session_user ON trace_session (user, last_at, session);
--> statement-breakpoint
CREATE INDEX trace_session_team ON trace_session (team, last_at, session);
--> statement-breakpoint
CREATE TABLE trace (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  ts INTEGER NOT NULL,
  key_id INTEGER NOT NULL REFERENCES trace_key (id),
  session_seq INTEGER REFERENCES trace_session (seq),
  bytes INTEGER NOT NULL,
  latency_level INTEGER NOT NULL,
  cost_level INTEGER NOT NULL,
  shredded_at INTEGER,
  agent TEXT,
  parent_agent TEXT,
  response_model TEXT,
  stream INTEGER NOT NULL,
  latency_ms REAL NOT NULL,
  ttft_ms REAL,
  overhead_ms REAL NOT NULL,
  input_tokens INTEGER NOT NULL,
  cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  estimated INTEGER NOT NULL,
  cost_nano_usd INTEGER,
  price_row TEXT,
  tokens_saved INTEGER NOT NULL,
  cap TEXT,
  decisions TEXT NOT NULL,
  spans TEXT NOT NULL,
  contents TEXT NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX trace_id ON trace (id);
--> statement-breakpoint
CREATE INDEX trace_ts ON trace (ts, key_id);
--> statement-breakpoint
CREATE INDEX trace_key_ts ON trace (key_id, ts, latency_ms, cost_nano_usd);
--> statement-breakpoint
CREATE INDEX trace_latency ON trace (latency_level, ts, key_id, latency_ms) WHERE latency_level > 0;
--> statement-breakpoint
CREATE INDEX trace_cost ON trace (cost_level, ts, key_id, cost_nano_usd) WHERE cost_level > 0;
--> statement-breakpoint
CREATE INDEX trace_session_ts ON trace (session_seq, ts);
--> statement-breakpoint
CREATE TABLE trace_content (
  seq INTEGER PRIMARY KEY,
  trace_seq INTEGER NOT NULL REFERENCES trace (seq),
  field TEXT NOT NULL,
  data BLOB NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX trace_content_trace ON trace_content (trace_seq);
--> statement-breakpoint
CREATE TABLE trace_shred (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
