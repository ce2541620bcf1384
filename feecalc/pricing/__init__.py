"""Medicare's payment rules as polars expressions: frames in, frames out, no files, no clock, no network."""
