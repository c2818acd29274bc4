CREATE TABLE store_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL,
  timezone TEXT,
  days_until INTEGER NOT NULL,
  probes INTEGER NOT NULL
) STRICT;
--> statement-breakpoint
INSERT INTO store_state (id, revision, timezone, days_until, probes) VALUES (1, 0, NULL, 0, 0);
--> statement-breakpoint
CREATE TABLE spend_key (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  user TEXT,
  team TEXT,
  provider TEXT NOT NULL,
  model TEXT,
  endpoint TEXT NOT NULL,
  tool TEXT,
  status INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  strategies TEXT
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX spend_key_key ON spend_key (key);
--> statement-breakpoint
CREATE INDEX spend_key_user ON spend_key (user);
--> statement-breakpoint
CREATE TABLE spend (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  ts INTEGER NOT NULL,
  key_id INTEGER NOT NULL REFERENCES spend_key (id),
  sample_level INTEGER NOT NULL,
  month TEXT NOT NULL,
  session TEXT,
  session_hash INTEGER,
  labels TEXT,
  response_model TEXT,
  stream INTEGER NOT NULL,
  end_reason TEXT NOT NULL,
  estimated INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  cache_write_long_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  cost_nano_usd INTEGER,
  baseline_cost_nano_usd INTEGER,
  savings_nano_usd INTEGER NOT NULL,
  tokens_saved INTEGER NOT NULL,
  latency_ms REAL NOT NULL,
  ttft_ms REAL,
  overhead_ms REAL NOT NULL,
  optimize_ms REAL,
  decisions TEXT,
  arm TEXT NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX spend_id ON spend (id);
--> statement-breakpoint
CREATE INDEX spend_ts ON spend (ts, key_id, session_hash);
--> statement-breakpoint
CREATE INDEX spend_sample ON spend (sample_level, ts, key_id, latency_ms, overhead_ms) WHERE sample_level > 0;
--> statement-breakpoint
CREATE TABLE spend_hour (
  start INTEGER NOT NULL,
  key_id INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  tokens_saved INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL,
  baseline_cost_nano_usd INTEGER NOT NULL,
  savings_nano_usd INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  unpriced_requests INTEGER NOT NULL,
  estimated_requests INTEGER NOT NULL,
  PRIMARY KEY (start, key_id)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE spend_day (
  start INTEGER NOT NULL,
  key_id INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  tokens_saved INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL,
  baseline_cost_nano_usd INTEGER NOT NULL,
  savings_nano_usd INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  unpriced_requests INTEGER NOT NULL,
  estimated_requests INTEGER NOT NULL,
  PRIMARY KEY (start, key_id)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE strategy_hour (
  start INTEGER NOT NULL,
  key_id INTEGER NOT NULL,
  strategy TEXT NOT NULL,
  tokens_saved INTEGER NOT NULL,
  PRIMARY KEY (start, key_id, strategy)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE strategy_day (
  start INTEGER NOT NULL,
  key_id INTEGER NOT NULL,
  strategy TEXT NOT NULL,
  tokens_saved INTEGER NOT NULL,
  PRIMARY KEY (start, key_id, strategy)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE usage_month (
  month TEXT NOT NULL,
  user TEXT NOT NULL,
  used_tokens INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL,
  PRIMARY KEY (month, user)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE cap_rejection (
  month TEXT NOT NULL,
  user TEXT NOT NULL,
  rejected INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY (month, user)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE cap (
  user TEXT NOT NULL PRIMARY KEY,
  monthly_tokens INTEGER NOT NULL CHECK (monthly_tokens BETWEEN 0 AND 1000000000000000)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE price (
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  input_usd_per_million REAL NOT NULL,
  output_usd_per_million REAL NOT NULL,
  cached_input_usd_per_million REAL,
  cache_write_usd_per_million REAL,
  cache_write_long_usd_per_million REAL,
  long_context_above_tokens INTEGER,
  long_input_usd_per_million REAL,
  long_output_usd_per_million REAL,
  long_cached_input_usd_per_million REAL,
  long_cache_write_usd_per_million REAL,
  long_cache_write_long_usd_per_million REAL,
  PRIMARY KEY (provider, model)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE provider (
  slug TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  base_url TEXT NOT NULL,
  sealed_key TEXT,
  on_abort TEXT
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE setting (
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  ip TEXT,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  before TEXT NOT NULL,
  after TEXT NOT NULL,
  reason TEXT
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX audit_id ON audit (id);
