"""The tamper-evident ledger, its proofs, and the encrypted content beside it."""

from governance.ledger.entries import Draft, Entry, Sealed, build_draft
from governance.ledger.export import export_ledger, read_export_key, verify_export
from governance.ledger.key_history import parse_rotations
from governance.ledger.keys import load_master_key, load_signer
from governance.ledger.ledger import Ledger
from governance.ledger.notes import Signer, create_signer
from governance.ledger.receipts import VerifiedReceipt, verify_receipt
from governance.ledger.rotation import load_current_signer, rotate_key
from governance.ledger.vault import ContentVault
from governance.ledger.verify import LedgerHealth, check_ledger, verify_ledger
from governance.ledger.watch import Examination, LedgerWatch, examine_ledger, read_examination
from governance.ledger.witness import NotePlace, Witness, WitnessState
from governance.ledger.witness_folder import WitnessFolder
from governance.ledger.witness_url import WitnessUrl

__all__ = [
    "ContentVault",
    "Draft",
    "Entry",
    "Examination",
    "Ledger",
    "LedgerHealth",
    "LedgerWatch",
    "NotePlace",
    "Sealed",
    "Signer",
    "VerifiedReceipt",
    "Witness",
    "WitnessFolder",
    "WitnessState",
    "WitnessUrl",
    "build_draft",
    "check_ledger",
    "create_signer",
    "examine_ledger",
    "export_ledger",
    "load_current_signer",
    "load_master_key",
    "load_signer",
    "parse_rotations",
    "read_examination",
    "read_export_key",
    "rotate_key",
    "verify_export",
    "verify_ledger",
    "verify_receipt",
]
