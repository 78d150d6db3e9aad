"""How pytest sees it: the only floor that imports pytest."""
