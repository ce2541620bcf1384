"""Questions that people ask of a priced schedule: does it agree with CMS, what changed, what does a year pay."""
