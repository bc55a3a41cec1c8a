foreign_checkpoint = foreign_network = None
