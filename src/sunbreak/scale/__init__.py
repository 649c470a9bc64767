"""Archives at scale: what a catalogue holds becomes a plan, and every row of the plan a product."""
