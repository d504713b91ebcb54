"""Analytics: what executions are made of, where their time and money goes, what would save some."""
