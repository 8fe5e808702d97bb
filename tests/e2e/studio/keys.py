"""Somebody who works by keys alone: Tab leads to everything, one sees where one is, and no press loses the place."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

# More stops than any page has.
MOST_STOPS = 250
IS_ON = "(element) => element === document.activeElement"
# What says where one is: an outline round it, or round what stands for it.
IS_SEEN = """(element) => {
  const outlined = (part) => {
    const {outlineStyle, outlineWidth} = getComputedStyle(part);
    return outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
  };
  const box = element.getBoundingClientRect();
  return element.matches(":focus-visible") && box.bottom > 0 && box.top < innerHeight
    && (outlined(element) || outlined(element.parentElement) || element.matches("input,textarea"));
}"""
IS_WITHIN = "(part) => part.contains(document.activeElement)"
# Past the last stop of a dialog come the browser's own controls, which are nothing of the page.
IS_AWAY = "() => document.activeElement === document.body"
STOPS = "a[href],button:enabled,input:enabled,select:enabled,textarea:enabled,summary"
WHERE = "() => document.activeElement?.outerHTML.slice(0, 160)"


@dataclass
class Keys:
    """The keys at a page. `to` walks by Tab; `press` walks to something and presses a key there."""

    page: Page

    def place_is_kept(self) -> None:
        """Something has the focus; after a press it may take a moment until the page has changed."""
        expect(self.page.locator(":focus")).to_have_count(1)

    def to(self, wanted: Locator, back: bool = False) -> None:
        """Walk on until `wanted` has the focus, and see that it shows."""
        expect(wanted).to_be_visible()
        passed = []
        for _ in range(MOST_STOPS):
            if wanted.evaluate(IS_ON):
                break
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
            passed.append(self.page.evaluate(WHERE))
        else:
            raise AssertionError(f"no key leads to {wanted}; passed {passed[-40:]}")
        assert wanted.evaluate(IS_SEEN), f"nobody sees that {wanted} has the focus"

    def press(self, wanted: Locator, *keys: str, back: bool = False) -> None:
        """Walk to something and press keys there, Enter unless others are named. The place is kept."""
        self.to(wanted, back)
        for key in keys or ("Enter",):
            self.page.keyboard.press(key)
        self.place_is_kept()

    def dialog(self, opener: Locator, name: str, back: bool = False, back_to: Locator | None = None) -> Locator:
        """Open a dialog and look that it takes the focus, holds it, and gives it back (to its opener, or to `back_to`)
        when Escape closes it. It is open again afterwards.
        """
        dialog = self.page.get_by_role("dialog", name=name)
        self.press(opener, back=back)
        expect(dialog).to_be_visible()
        for key in ("Tab", "Shift+Tab"):
            assert dialog.evaluate(IS_WITHIN), f"{name} has not the focus"
            for _ in range(dialog.locator(STOPS).count() + 1):
                self.page.keyboard.press(key)
                assert dialog.evaluate(IS_WITHIN) or self.page.evaluate(IS_AWAY), self.page.evaluate(WHERE)
            if self.page.evaluate(IS_AWAY):
                self.page.keyboard.press(key)
        self.page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        start = back_to or opener
        expect(start).to_be_focused()
        assert start.evaluate(IS_SEEN), f"nobody sees where {name} gave the focus back to"
        if back_to is None:
            self.press(opener)
        else:
            self.press(back_to)
            self.press(opener)
        expect(dialog).to_be_visible()
        return dialog

    def form(self, region: Locator, opener: str, field: str) -> Locator:
        """Open a form on the page (walking back to its opener) and look that its first field takes the focus, and that
        cancelling gives it back. Answers that field, in the form that is open again.
        """
        button, first = region.get_by_role("button", name=opener), region.get_by_label(field)
        self.press(button, back=True)
        expect(first).to_be_focused()
        self.press(region.get_by_role("button", name="Cancel"))
        expect(button).to_be_focused()
        self.page.keyboard.press("Enter")
        return first

    def write(self, wanted: Locator, text: str, *keys: str) -> None:
        """Walk to a field, write into it instead of what it holds, and press keys."""
        self.to(wanted)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)
        for key in keys:
            self.page.keyboard.press(key)

    def choose(self, wanted: Locator, option: str) -> None:
        """Open a list, walk to one of its options, and take it."""
        self.to(wanted)
        names = [text.strip() for text in wanted.locator("option:not(:disabled)").all_inner_texts()]
        self.page.keyboard.press("Space")
        self.page.keyboard.press("Home")
        for _ in range(names.index(option)):
            self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Enter")
        self.place_is_kept()
