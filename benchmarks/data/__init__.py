"""From dataset cards to pixels: cards, photographs, degradations, patches."""
