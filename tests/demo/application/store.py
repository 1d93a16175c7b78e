# SPDX-License-Identifier: Apache-2.0
"""The notes service's tables: users and notes in one SQLite file."""

from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    """All tables of the service."""


class User(Base):
    __tablename__ = "users"
    name: Mapped[str] = mapped_column(primary_key=True)
    password: Mapped[str]


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(ForeignKey("users.name"))
    text: Mapped[str]


class Store:
    """One session per call; the file is made when it is not there."""

    def __init__(self, path):
        self.path = path
        self._engine = create_engine(f"sqlite:///{path}")
        Base.metadata.create_all(self._engine)

    def add_user(self, name, password):
        with Session(self._engine) as session:
            session.merge(User(name=name, password=password))
            session.commit()

    def password_of(self, name):
        with Session(self._engine) as session:
            user = session.get(User, name)
            return user.password if user else None

    def add_note(self, owner, text):
        with Session(self._engine) as session:
            note = Note(owner=owner, text=text)
            session.add(note)
            session.commit()
            return note.id

    def notes_of(self, owner, like):
        query = select(Note).where(Note.owner == owner, Note.text.contains(like)).order_by(Note.id)
        with Session(self._engine) as session:
            return [{"id": note.id, "text": note.text} for note in session.scalars(query)]

    def remove_note(self, owner, number):
        with Session(self._engine) as session:
            note = session.get(Note, number)
            if note is None or note.owner != owner:
                return False
            session.delete(note)
            session.commit()
            return True
