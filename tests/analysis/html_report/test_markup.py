from hypothesis import given
from hypothesis import strategies as st

from fcn_repro.analysis.html_report.markup import Markup, join, table, tag
from tests.fixtures.html_document import Document


def test_text_is_escaped_and_markup_is_not():
    assert tag("td", "a < b & c", tag("b", "d")) == "<td>a &lt; b &amp; c<b>d</b></td>"


def test_attributes_lose_an_underscore_and_are_escaped():
    assert tag("th", class_="a", http_equiv='"><i>', colspan=3, id=None) == (
        '<th class="a" http-equiv="&quot;&gt;&lt;i&gt;" colspan="3"></th>'
    )


def test_elements_without_content_have_no_end():
    assert tag("br") == "<br>" and tag("img", src="data:") == '<img src="data:">'


def test_lists_are_joined_and_none_is_nothing():
    assert join(["<", [Markup("<"), None], "&"]) == "&lt;<&amp;"


def test_tables_scroll_in_a_box_of_their_own():
    assert table(tag("tr"), [tag("tr")], "bars") == (
        '<div class="scroll" tabindex="0"><table class="bars"><thead><tr></tr></thead>'
        "<tbody><tr></tr></tbody></table></div>"
    )


@given(st.text(alphabet="<>&\"'/=ab \n"), st.text(alphabet="<>&\"'/=ab \n"))
def test_whatever_the_text_is_one_element_comes_of_it(content, value):
    found = Document(tag("p", content, title=value))
    assert [name for name, _ in found.elements] == ["p"]
    assert found.all("p") == [{"title": value}]
    assert "".join(found.texts) == content
