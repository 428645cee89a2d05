"""Files as people's spreadsheets write them, by the programs that write most of them, to the real door and back."""

import datetime
import io
import json
import os
import subprocess

import openpyxl
import pytest
import xlsxwriter

from harness import PROGRAM, ROOT, http
from test_doors import mcp

pytestmark = pytest.mark.isolations("declared")

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def send(gateway, data, query="", media_type=XLSX):
    headers = {"X-API-Key": gateway.dev["api_key"], "Content-Type": media_type}
    return http("POST", gateway.url + "/batches?tool=mpesa_bulk_payment&" + query, data, headers)


def by_openpyxl(fill):
    book = openpyxl.Workbook()
    fill(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def by_xlsxwriter(fill, **options):
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, **options})
    fill(book)
    book.close()
    return out.getvalue()


def payroll(book):
    """A sheet with a title that is merged, formats, numbers of every kind, an empty row and a column of names."""
    book.active.title = "November"
    sheet = book.active
    sheet.merge_cells("A1:D1")
    sheet["A1"] = "Salaries of November"
    sheet.append([])
    sheet.append(["Name", "Mobile No.", "Net Pay (KES)", "Staff No", "Paid on"])
    day = datetime.date(2026, 11, 27)
    sheet.append(["A. Otieno", 254712345601, 1500.0, "EMP-1", day])
    sheet.append([])
    sheet.append(["=1+1", "0712345602", 1800, 17, day])
    sheet["A6"].data_type = "s"
    sheet.append(["C. Njeri", 712345603, 2100, None, day])
    sheet["C4"].number_format = '"KSh" #,##0.00'
    sheet.column_dimensions["B"].width = 20
    lists = book.create_sheet("Lists")
    lists["A1"] = "not this one"
    lists.sheet_state = "hidden"


def test_a_payroll_of_openpyxl_is_a_batch_with_its_rows_and_names(gateway):
    status, _, made = send(gateway, by_openpyxl(payroll), "batch_id=november&batch_name=November")

    assert status == 200 and made["data"]["total_amount"] == 5400 and made["data"]["total_payments"] == 3, made
    read = made["data"]["file"]
    assert read["sheet"] == "November" and read["columns"]["amount"] == "Net Pay (KES)", read
    _, _, shown = gateway.call("GET", "/batches/november/items")
    assert [item["row"] for item in shown["data"]] == [4, 6, 7]
    assert [item["arguments"]["phone_number"] for item in shown["data"]] == ["254712345601", "0712345602", "712345603"]
    assert [item["arguments"].get("account_reference") for item in shown["data"]] == ["EMP-1", "17", None]
    again = send(gateway, by_openpyxl(payroll), "batch_id=november&batch_name=November")
    assert again[0] == 200 and again[2]["data"]["batch_id"] == "november", again


def test_its_result_opens_in_spreadsheets_and_holds_no_formula(gateway):
    send(gateway, by_openpyxl(payroll), "batch_id=november&batch_name=November")
    status, headers, raw = gateway.call("GET", "/batches/november/result?format=xlsx")

    assert status == 200 and headers["Content-Type"] == XLSX, raw
    rows = list(openpyxl.load_workbook(io.BytesIO(raw)).active.iter_rows(values_only=True))
    assert rows[0][:5] == ("row", "Name", "Paid on", "phone_number", "amount"), rows[0]
    assert [row[1] for row in rows[1:]] == ["A. Otieno", "'=1+1", "C. Njeri"]
    assert {row[2] for row in rows[1:]} == {"2026-11-27"}
    assert [row[rows[0].index("amount")] for row in rows[1:]] == [1500, 1800, 2100]
    lines = gateway.call("GET", "/batches/november/result")[2].decode().split("\r\n")
    assert lines[2].startswith("6,'=1+1,"), lines


def test_every_bad_row_of_an_xlsx_is_named(gateway):
    def fill(book):
        sheet = book.add_worksheet("Pay")
        date = book.add_format({"num_format": "dd/mm/yyyy"})
        for column, text in enumerate(["phone", "amount"]):
            sheet.write_string(0, column, text)
        sheet.write_string(1, 0, "2.54713E+11")
        sheet.write_number(1, 1, 100)
        sheet.write_datetime(2, 0, datetime.datetime(2026, 11, 27), date)
        sheet.write_number(2, 1, 100)
        sheet.write_row(3, 0, [254712345611, 10.5])
        sheet.write_row(4, 0, [254712345612, 100])
        sheet.set_row(4, None, None, {"hidden": True})
        sheet.write_number(5, 0, 254712345613)
        sheet.write_formula(5, 1, "=50*2", None, 100)
        sheet.write_string(6, 0, "0722***000")
        sheet.write_number(6, 1, 5)

    for options in ({}, {"constant_memory": True}):
        status, _, problem = send(gateway, by_xlsxwriter(fill, **options), "batch_id=bad")
        assert status == 422 and problem["detail"].startswith("5 of 6 rows"), problem
        assert [error["pointer"].split("/")[2] for error in problem["errors"]] == ["2", "3", "4", "5", "7"], problem
    assert gateway.call("GET", "/batches/bad")[0] == 404


def test_a_workbook_with_a_sheet_a_month_is_paid_by_the_sheet_that_is_named(gateway):
    def fill(book):
        payroll(book)
        book["Lists"].sheet_state = "visible"

    status, _, problem = send(gateway, by_openpyxl(fill), "validate_only=true")
    assert status == 422 and '"November", "Lists"' in problem["detail"], problem
    status, _, checked = send(gateway, by_openpyxl(fill), "validate_only=true&sheet=November")
    assert status == 200 and checked["data"]["total_amount"] == 5400, checked


def test_a_formula_without_a_result_is_refused(gateway):
    def fill(book):
        book.active.append(["phone", "amount"])
        book.active.append([254712345621, "=2*50"])

    status, _, problem = send(gateway, by_openpyxl(fill), "batch_id=formula")

    assert status == 422 and "formula" in problem["errors"][0]["message"], problem


def test_csv_of_excel_is_read_in_its_encodings(gateway):
    text = "Name;Simu;Kiasi\r\nMüller;0712345631;1500\r\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        status, _, checked = send(gateway, text.encode(encoding), "validate_only=true", "text/csv; charset=x")
        assert status == 200 and checked["data"]["total_amount"] == 1500 and not checked["data"]["errors"], checked


def test_a_file_is_refused_before_it_is_read_where_nobody_may_send_it(gateway):
    big = b"phone,amount\n" + b"0712345641,1\n" * 100_000
    url = gateway.url + "/batches?tool=mpesa_bulk_payment"

    assert http("POST", url, big, {"Content-Type": "text/csv"})[0] == 401
    key = {"X-API-Key": gateway.dev["api_key"]}
    plain = http("POST", url, b"Phone,Amount\n0712345678,1\n", {"Content-Type": "text/plain", **key})
    assert plain[0] == 400 and "text/csv" in str(plain[2]), plain
    viewer = next(user for user in gateway.dev["users"] if user["username"] == "user")
    login = {name: viewer[name] for name in ("username", "password", "organization")}
    token = http("POST", gateway.url + "/auth/login", login)[2]["data"]["token"]
    refused = http("POST", url, big, {"Content-Type": "text/csv", "Authorization": "Bearer " + token})
    assert refused[0] in (403, 404), refused


def test_the_command_line_sends_a_file(gateway, tmp_path):
    path = tmp_path / "payroll.xlsx"
    path.write_bytes(by_openpyxl(payroll))
    environment = {**os.environ, "GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": gateway.dev["api_key"]}

    made = subprocess.run(
        [PROGRAM, "batches", "create", "--file", path, "validate_only=true", "batch_name=by command"],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )

    assert made.returncode == 0 and "total_amount: 5400" in made.stdout, made


def listed(count):
    """So many payments as a program lists them, each with all that one has."""
    return [
        {
            "phone_number": str(254713000000 + number), "amount": 1000 + number % 500,
            "account_reference": f"EMP-{number:05}", "remarks": "Salary of November 2026, with overtime",
        }
        for number in range(count)
    ]


def test_five_thousand_payments_are_one_call_and_one_more_is_refused(gateway):
    payments = listed(5_000)
    total = sum(payment["amount"] for payment in payments)
    body = {"batch_id": "many", "batch_name": "Many", "payments": payments}
    status, _, made = gateway.call("POST", "/tools/bulk-payment", body)
    assert status == 200 and made["data"]["state"] == "draft", made
    assert made["data"]["total_payments"] == 5_000 and made["data"]["total_amount"] == total, made
    last = gateway.call("GET", "/batches/many/items?after=4999")[2]["data"]
    assert [item["arguments"]["phone_number"] for item in last] == [payments[-1]["phone_number"]], last

    more = {"batch_id": "more", "batch_name": "More", "payments": listed(5_001)}
    status, _, problem = gateway.call("POST", "/tools/bulk-payment", more)
    assert status == 422 and problem["errors"][0]["pointer"] == "/payments", problem
    assert gateway.call("GET", "/batches/more")[0] == 404


def test_five_thousand_payments_with_all_that_they_may_say_are_one_call_by_either_door(gateway):
    payments = [
        {
            **payment, "account_reference": "A" * 95 + f"{number:05}", "remarks": "R" * 95 + f"{number:05}",
            "command_id": "SalaryPayment", "amount": 990,
        }
        for number, payment in enumerate(listed(5_001))
    ]
    whole = {"batch_id": "long", "batch_name": "Long", "payments": payments[:5_000], "validate_only": True}
    assert len(json.dumps(whole)) > 1 << 20
    status, _, checked = gateway.call("POST", "/tools/bulk-payment", whole)
    assert status == 200 and checked["data"]["total_payments"] == 5_000 and not checked["data"]["errors"], checked
    rows = {"tool": "mpesa_bulk_payment", "items": whole["payments"], "validate_only": True}
    assert gateway.call("POST", "/batches", rows)[2]["data"]["total_payments"] == 5_000
    told = mcp(gateway, "tools/call", {"name": "mpesa_bulk_payment", "arguments": whole})[2]["result"]
    assert told["structuredContent"]["total_payments"] == 5_000, str(told)[:2000]

    status, _, problem = gateway.call("POST", "/tools/bulk-payment", {**whole, "payments": payments})
    assert status == 422 and problem["errors"][0]["pointer"] == "/payments", problem
    # What lists no payments is as short as ever, and so is what anybody sends who shows no credential.
    status, _, problem = gateway.call("POST", "/tools/b2c-payment", whole)
    assert status == 413 and problem["code"] == "too_large", problem
    status, _, problem = gateway.call("POST", "/tools/bulk-payment", whole, key="nonsense")
    assert status == 401, problem
    status, _, problem = gateway.call("POST", "/tools/bulk-payment", {**whole, "batch_name": "x" * (4 << 20)})
    assert status == 413 and problem["code"] == "too_large", problem
